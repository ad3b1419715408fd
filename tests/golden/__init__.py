"""Records as they were once written, which every later version must still read. Never edit one."""
