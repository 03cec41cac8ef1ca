"""Serving exported models over HTTP, with the REST API of TensorFlow Serving.

A request passes through ``app`` (routes), ``bodies`` (JSON to arrays), ``batching`` (runs waiting
requests as one batch) and ``rows`` (runs the file). ``store`` finds the versions in a folder and
replaces them; ``version`` is one of them.
"""
