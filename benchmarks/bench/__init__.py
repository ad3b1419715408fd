"""What the product does, beside its limits and what one would pick instead: ``make bench``."""
