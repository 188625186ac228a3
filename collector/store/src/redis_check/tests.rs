//! What needs no collector; the commands against a real Redis are in tests/e2e.
