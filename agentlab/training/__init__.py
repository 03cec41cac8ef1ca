"""Training: the trainer, its epoch loop, optimizers, schedules and losses."""
