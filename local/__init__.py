"""The local cloud: for trials, development and the end-to-end tests. It makes no calls to AWS."""
