"""ViveSphere: a self-hosted server that runs bots."""
