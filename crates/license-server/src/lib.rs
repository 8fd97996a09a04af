//! The license server: validates licenses and lends floating seats.
