"""Results computed with a trained learner, such as codes and samples; one module per command."""
