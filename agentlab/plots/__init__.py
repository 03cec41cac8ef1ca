"""Every figure that is drawn: training curves, nets, and what trained nets do."""
