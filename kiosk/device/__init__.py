"""The agent on the box: it notices a person, takes photos, joins answers, and suggests a screen."""
