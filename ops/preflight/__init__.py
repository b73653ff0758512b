"""What AWS would refuse at the first deployment, or later: asked before it."""
