"""File formats only: MATLAB, tables, OpenSim and C3D. No word of gait lives here."""
