"""How the objects of each kind of class are stored and filled."""
