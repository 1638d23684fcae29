"""Where IPython defines what `IPython.display` offers."""
