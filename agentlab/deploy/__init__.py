"""Trained networks as files for other runtimes: SavedModel, LiteRT and ONNX.

::

    from agentlab.deploy.files import write_file
    from agentlab.deploy.runtimes import open_file
    from agentlab.deploy.signature import trace

    write_file(trace(agent.inference_model()), Path("policy.tflite"), quantize="dynamic")
    outputs = open_file("policy.tflite")({"observations": observations})

``agentlab.experiments.results.export`` also compares the file with the learner and measures it.
"""
