"""How long things take: interleaved measurement, what may be said of its values, and the machine it was made on."""
