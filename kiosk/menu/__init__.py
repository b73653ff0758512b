"""What the shop sells, what was ordered, and what to suggest to the next customer. Imports `contracts` only."""
