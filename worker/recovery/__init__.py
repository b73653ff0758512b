"""Recovery after a crash, a lost event or closing time: find unfinished photos and finish them."""
