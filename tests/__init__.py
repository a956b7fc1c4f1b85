"""The tests. A package, so that they can share ``tests.support``; test files import nothing from each other."""
