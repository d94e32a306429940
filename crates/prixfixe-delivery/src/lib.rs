//! Where accepted mail goes: handlers for the prixfixe receiver.
#![forbid(unsafe_code)]
