"""The batch systems' own programs, as launchers, `l2l submit` and the leader's clock ask them; a module for each."""
