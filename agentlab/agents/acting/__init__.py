"""Copies of networks that act while the originals learn."""
