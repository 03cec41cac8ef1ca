"""What is made of a trained learner: codes, samples, pictures; a module for each command."""
