"""Jupyter: magics, widgets, rich output. The only room that may import IPython, ipywidgets or anywidget. Doubtful
case: if a plain Python program would want it too, it belongs further down.
"""
