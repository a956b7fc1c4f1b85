"""The compiled core (floor 1). Its sources are in src_ext/hystrixpy/_native."""
