"""What to tell, whom, and how it gets there. Knows no other app: an event carries its facts as plain values."""
