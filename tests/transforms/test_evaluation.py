def test_x(zone):
    import time
    zone.scan("2026-04-01T09:00:00Z")
    t=time.time(); r=zone.cycles(); print(time.time()-t)
    t=time.time(); r=zone.state(); print(time.time()-t)
    print(r.rows("cycle"))
    assert 0
