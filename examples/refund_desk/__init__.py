"""A refund desk: one narrow workflow over a real database, with sixty messy requests to try it on."""
