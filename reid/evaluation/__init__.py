"""How good identities are: pure measures of scores, rankings and assignments. numpy alone, no I/O."""
