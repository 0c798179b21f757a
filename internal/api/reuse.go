package api

import "strings"

const (
	// ofNames are phrases of sameness that are about the account's name: the password is weak.
	ofNames phrases = `same as the username, same as username, same as your username, same as the user name, same as user name, same as your user name,
		same as the email, same as your email, same as email, same as the login, same as login, same as your name, same as the name,
		different from the username, different from username, different from your username, different from the user name, different from the email,
		different from your email, different to the username, differ from the username, differ from username, differ from the user name,
		identical to the username, identical to username, identical to your username, identical to the user name, identical to the email,
		must differ from the login, must be different from the login`
	// ofReuse are phrases of refusals that speak of a password that was set before, or that is
	// in force: of history, reuse and sameness, without the numbers in them.
	ofReuse phrases = `password history, history of password*, history of old, history require*, history polic*, history rule*, history check, history constraint,
		history violat*, history message, in history, in the history, from history, contradict*, passwordhistory*, previous password*, previously used,
		previously been used, previously set, used previously, used before, used recently, used too recently, recently used, recently been used,
		recent password*, last password*, latest password*, past password*, old password*, older password*, former password*, been used, been already used,
		already been used, already used, already in use, in use already, already set, already in force, already has this password, used by you,
		reuse*, re use, re used, reusing, repeated password, repeat password, repeat a password, not repeat, used the last, used in the last, used within,
		current password, existing password, existing value, being changed from, same password, same as the old, same as old, same as your old,
		same as the current, same as current, same as your current, same as the previous, same as previous, same as your previous, same as the last,
		same as the existing, same as existing, same as one of, same as any, be the same, is the same, are the same, too similar to the old, similar to your old,
		similar to the old, similar to the previous, similar to previous, similar to your previous, case changes only,
		must differ, should differ, has to differ, differ from, must be different, should be different, has to be different, different from the old,
		different from old, different from your old, different from the current, different from current, different from your current,
		different from the previous, different from previous, different from your previous, different from the last, different than the, different than your,
		no change, no changes, unchanged, identical to, is identical, be identical, are identical, equal to any, equal to the old, equal to one of, match the old,
		match your old, matches the old, match the current, matches the current, matches current, match any of, matches a previous, matches one of,
		bereits verwendet*, bereits benutzt*, schon verwendet*, schon benutzt*, zuvor verwendet*, zuletzt verwendet*, kürzlich verwendet*,
		kennwortverlauf*, kennwortchronik*, passwortverlauf*, passworthistorie*, passwort historie, letzten passwörter*, letzten kennwörter*,
		alte passwort, alten passwort, altes passwort, alte kennwort, alten kennwort, altes kennwort, aktuelle passwort, aktuellen passwort,
		aktuelles passwort, aktuelle kennwort, aktuellen kennwort, vorherige passwort, vorherigen passwort*, früheren passwort*, identisch,
		unterscheiden, nicht gleich, darf nicht wiederverwendet, wiederverwend*,
		déjà été utilisé*, déjà utilisé*, déjà servi, historique*, derniers mots de passe, ancien mot de passe, anciens mots de passe,
		mot de passe actuel, mot de passe précédent, mots de passe précédents, différent de l ancien, être différent*, identique à, identique au, réutilis*,
		ya se ha us*, ya ha sido us*, ya ha sido util*, ya fue us*, ya fue util*, ya utilizad*, ya usad*, usada anteriormente, utilizada anteriormente,
		historial*, contraseña anterior, contraseñas anteriores, últimas contraseñas, contraseña actual, contraseña antigua, ser diferente*, ser distint*,
		reutiliz*, misma contraseña, igual a la,
		già stat*, già utilizzat*, già usat*, cronologia, ultime password, password precedent*, vecchia password, password attuale, riutilizz*, essere divers*,
		já foi*, já utilizad*, já usad*, usada antes, histórico, últimas senhas, senha anterior, senhas anteriores, senha antiga, senhas antigas, senha atual,
		diferente da*, igual à*, igual às, eerder gebruikt*, al gebruikt*, al eerder, wachtwoordgeschiedenis, geschiedenis, vorige wachtwoord*,
		oude wachtwoord*, huidige wachtwoord, hetzelfde, historii haseł, poprzedni*, już używan*, tidigare använt*, gamla lösenordet,
		истори*, ранее использ*, уже использ*, совпадает, совпадать, старым паролем, текущим паролем`
	ofReuseEast = `履歴 以前使用 過去に使用 使用済み 再利用 同じパスワード 現在のパスワード 历史密码 密码历史 歷史密碼 最近使用 使用过 使用過 旧密码 舊密碼 原密码
		与当前 密码相同 重复使用 이전 비밀번호 이미 사용 기존 비밀번호 동일한`
	numerals names = `two three four five six seven eight nine ten twelve n x`
)

// tellsOfReuse reports whether the body, wherever in it, speaks of a password that was used
// before or is in force.
func (a Answer) tellsOfReuse() bool {
	var text strings.Builder
	text.WriteByte(' ')
	for _, word := range strings.Fields(plainWords(string(a.body))) {
		if strings.Trim(word, "0123456789") != "" && !numerals.has(word) {
			text.WriteString(word + " ")
		}
	}
	return ofReuse.in(ofNames.without(text.String())) != "" || anywhere(ofReuseEast, string(a.body))
}
