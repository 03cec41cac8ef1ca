"""Copies of nets that act while the originals learn."""
