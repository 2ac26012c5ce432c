"""What the two releases of the UT Dallas lab share: trials, legs, clocks, people, and what their data settle."""
