//! The rules of the house, held by tests: who may know whom, what a tidy tree is, true links.
