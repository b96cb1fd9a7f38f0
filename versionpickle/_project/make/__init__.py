"""Write what a changed class needs: its version, its step, its old name."""
