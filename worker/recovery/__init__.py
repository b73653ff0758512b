"""What a crash, a lost event or a closed shop left behind: found again, and finished."""
