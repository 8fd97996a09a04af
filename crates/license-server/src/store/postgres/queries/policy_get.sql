SELECT policy FROM seat_policies WHERE tenant = $1 AND pool = $2
