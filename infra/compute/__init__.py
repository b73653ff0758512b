"""The instances that label: their boot, their hours, their network."""
