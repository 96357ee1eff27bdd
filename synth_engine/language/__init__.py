"""Language models: records written as JSON, token by token.

Belongs here: tokens, networks from scratch and pretrained ones, how they are trained and drawn from. Does not belong
here: what a literal may look like (the encodings), files, workspaces.
"""
