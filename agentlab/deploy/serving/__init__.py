"""Serving exported files over HTTP, in the REST form of TensorFlow Serving.

One request passes through these files: ``app`` (routes), ``bodies`` (JSON to arrays), ``batching``
(requests that wait together are run together), ``rows`` (the file in its runtime). ``store`` finds
the versions in a folder and replaces them; ``version`` is one of them.
"""
