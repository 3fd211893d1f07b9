-- What is known of a quota, at one instant. Changes nothing.
return { redis.call('TIME'), redis.call('HGETALL', KEYS[1]), redis.call('EXISTS', KEYS[2]) }
