//! One function for each parser that eats bytes from outside; its corpus runs as tests.
