"""The worker beside other servers of models: BentoML, LitServe, Ray Serve, ultralytics' predict."""
