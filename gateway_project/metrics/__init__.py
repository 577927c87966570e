"""`/metrics`: where the numbers are kept, how they become one page, and who may read it."""
