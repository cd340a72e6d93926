"""The process that AWS Lambda's Runtime API talks to, for Python 3.8 to 3.14.

Started with MOLN_ASSIGNMENT_FD it first loads what every function needs and waits to be told which one it is.
"""
