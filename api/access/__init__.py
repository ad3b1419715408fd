"""Who may: keys, tokens and sessions, the roles that routes declare, and the guard before them all."""
