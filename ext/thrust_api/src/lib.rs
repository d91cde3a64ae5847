//! What may be said to the proxy from outside.
