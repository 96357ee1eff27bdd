"""Our engine against the reference engine: same rows, same machine, each in its own environment and process.

What belongs here: measuring and scoring. What does not: anything the engine or its tests need; nothing imports this
package.
"""
