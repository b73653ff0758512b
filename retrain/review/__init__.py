"""A person looks: out to Label Studio, and back."""
