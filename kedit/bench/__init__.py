"""Measurements that are made with the program, not by tests."""
