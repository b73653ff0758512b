"""The way of a photo through the worker: received, fetched, decoded, labelled, stored, published."""
