//! A simulated plant with labelled operating modes and injectable faults, and a recording played as a PLC.
