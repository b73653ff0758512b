"""Human in the loop: photos go to Label Studio for review, and the corrected labels come back."""
