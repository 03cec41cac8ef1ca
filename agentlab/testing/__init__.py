"""What users check their own classes with: gradients, agents, trainers and estimators."""
