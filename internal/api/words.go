package api

import (
	"slices"
	"strings"
	"unicode"
)

// The tables by which a body is judged. Names are compared in lower case and without
// separators, or by their words: updateSuccessful ends in the word successful.

// names are words with white space between them.
type names string

// has reports whether a word is one of the names.
func (n names) has(word string) bool {
	for from := 0; word != ""; {
		i := strings.Index(string(n[from:]), word)
		if i < 0 {
			break
		}
		start, end := from+i, from+i+len(word)
		if (start == 0 || n[start-1] <= ' ') && (end == len(n) || n[end] <= ' ') {
			return true
		}
		from = end
	}
	return false
}

const (
	// isSuccessName ends names whose no is a failure, and isChangeName are such names.
	isSuccessName names = `success successful successfully succeeded succeed succes ok erfolg erfolgreich exito sucesso`
	isChangeName  names = `issuccess issuccessful issucceeded isok wassuccessful valid isvalid accepted authorized isauthorized allowed permitted
		changed updated modified applied saved acknowledged passwordchanged passwordupdated passwordmodified passwordset passwordreset`
	// isCountName are names of how much was changed; none is a failure.
	isCountName names = `modifiedcount matchedcount nmodified affectedrows changedrows rowsaffected updatedcount updatedrows numupdated
		recordsupdated affected count successcount succeededcount successfulcount`
	// isDoneName are names whose no says that the call is yet to be carried out.
	isDoneName names = `done iscompleted completed iscomplete complete finished isfinished isdone`
	// isDenialName are names whose yes is a failure.
	isDenialName names = `denied rejected refused invalid isinvalid unauthorized unauthenticated forbidden aborted cancelled canceled timedout
		timeout notfound accessdenied permissiondenied`
	// isIdleName are names whose yes, or whose list, says that nothing was done for now. Of a record they
	// tell something else.
	isIdleName names = `skipped ignored dryrun simulated simulation noop readonly isreadonly readonlymode maintenance maintenancemode
		mfarequired otprequired twofactorrequired loginrequired captcharequired`
	// isPendingName are names whose yes says that it is yet to be carried out.
	isPendingName names = `pending ispending queued isqueued scheduled inprogress isinprogress async isasync approvalrequired requiresapproval pendingapproval`
	// isJobName are names by which what is to carry it out is known.
	isJobName names = `job task jobid taskid operationid jobuuid taskuuid jobkey taskkey joburl taskurl statusurl pollurl`
	// isAct are words in the name of an act, as of a GraphQL mutation, isCondition in names of settings
	// with such a word.
	isAct       names = `change set update reset modify edit save rotate`
	isCondition names = `must force forced require requires required needs need can may allow allowed next at on last`
	// isQuality are names whose no tells of an account that it is so.
	isQuality names = `valid isvalid accepted authorized isauthorized allowed permitted`
	// isWarningName are names of what is told beside the answer.
	isWarningName names = `warning warnings notice notices`
	// isFailureName ends names, or is followed in them by one of isPartName, that hold nothing
	// unless something failed.
	isFailureName names = `error errors err errs fault faults failure failures failed fail exception exceptions violation violations iserror
		haserror haserrors errored errcode errno errmsg errormsg errorcode errormessage errortext errordescription faultcode faultstring
		stacktrace traceback fehler erreur erreurs fallo errore erro`
	isPartName names = `code no num number message messages msg text description desc detail details string type reason count id key list
		summary title info status name cause causes subcode value`
	// asides are words in names of what is told of the user or of a setting.
	asides names = `provisioning last previous login logins logon logons signin signon auth authentication mfa on notify continue ignore stop max min
		retry allow allowed email mail alert show display consecutive attempts`
	// setAside are names below which nothing is told of this call, or too much of others.
	setAside names = `history log logs events audit auditlog activity activities schema schemas links link actions permissions privileges
		preferences settings embedded`
	// isStatusName are names of what may be a word, a truth value or a number.
	isStatusName names = `status state outcome result statuscode resultcode returncode retcode retval ret rc return returnvalue code responsecode
		responsestatus httpstatus httpstatuscode httpcode exitcode exitstatus operationstatus requeststatus taskstatus jobstatus resultstatus
		updatestatus changestatus response data ack answer reply statut estado stato ergebnis`
	// isMessageName are names of words for people.
	isMessageName names = `message messages msg msgs statusmessage statusmsg statustext statusdescription statusstr statusstring resultmessage resultmsg resulttext
		resultdescription responsemessage responsemsg responsetext returnmessage returnmsg retmsg reason detail details text usermessage
		developermessage localizedmessage displaymessage feedback cause explanation responsestatus nachricht meldung mensaje messaggio mensagem`
	// isTypeName are names of a kind, and isTypeOfFailure what ends the kind of a failure, as in
	// ValidationException.
	isTypeName      names = `type typename kind class classname name exceptionclass`
	isTypeOfFailure names = `error errors exception failure fault problem problems probs`
	// isMarkName are names by which a record of an account is known.
	isMarkName names = `name username login loginname email mail emailaddress useremail firstname lastname givenname surname displayname
		fullname userid userprincipalname`
	// isNumberName are names by which it is told from others.
	isNumberName names = `id uid uuid guid key sysid objectid`
	// isWaiting are the words for what is under way that no machine or account is.
	isWaiting names = `pending queued scheduled processing inprogress`
)

// The words for an end, without separators.
const (
	goodEnds names = `ok okay success successful successfully succeeded done complete completed updated changed passed true yes applied saved
		modified finished created fine good accept ack noerror noerrors erfolg erfolgreich exito succes sucesso successo`
	badEnds names = `error errors err fail failed failure failing fault exception denied rejected refused invalid unauthorized unauthenticated
		forbidden notfound aborted cancelled canceled timeout timedout ko nok notok ng bad badrequest unsuccessful conflict illegal no false
		weak accessdenied permissiondenied notallowed notauthorized fatal critical nack fehler erreur errore erro fallo fallido`
	noEnds names = `pending queued enqueued scheduled processing inprogress inprocess running accepted waiting started submitted executing
		initiated deferred underway`
)

// letters are ends of one letter.
var letters = map[byte]Saying{'s': SaysSuccess, 't': SaysSuccess, 'y': SaysSuccess, 'f': SaysFailure, 'e': SaysFailure, 'n': SaysFailure, 'x': SaysFailure}

// phrases are what to look for in a text in the form of plainWords, with commas between. One
// that ends in an asterisk may go on: it is the beginning of a word.
type phrases string

// in returns the first of the phrases that is in a text, which begins and ends with a blank,
// with the blanks around it; "" if none is.
func (p phrases) in(text string) (found string) {
	for rest := string(p); rest != ""; {
		var phrase string
		phrase, rest, _ = strings.Cut(rest, ",")
		stem, open := strings.CutSuffix(strings.TrimSpace(phrase), "*")
		if phrase = " " + stem; !open {
			phrase += " "
		}
		if strings.Contains(text, phrase) {
			return phrase
		}
	}
	return ""
}

// without takes the phrases out of a text.
func (p phrases) without(text string) string {
	for found := p.in(text); found != ""; found = p.in(text) {
		text = strings.ReplaceAll(text, found, " , ")
	}
	return text
}

const (
	// harmless are phrases with a word of failure that tell of none.
	harmless phrases = `no error, no errors, without error, without errors, without any error, without any errors, 0 error, 0 errors, zero errors,
		error free, no failure, no failures, without failure, 0 failed, 0 failures, not failed, none failed, failed login, failed logins,
		failed logon, failed logons, failed attempt, failed attempts, failed sign in, failed sign ins, failure count, no longer valid, no problem,
		no problems, error 0, errors 0, error none, errors none, error null, error false, failed 0, failures 0, failed false, dry run false, dryrun false, if you did not, if this was not, error report,
		invalid sessions,
		ohne fehler, keine fehler, kein fehler, fehlerfrei, sans erreur, aucune erreur, sin errores, sin error, ningún error,
		senza errori, nessun errore, sem erros, sem erro, nenhum erro, geen fouten, zonder fouten, bez błędów, без ошибок`
	// failing are phrases of a failure, whatever else a text says.
	failing phrases = `false, success no, success 0, success b 0, ok no, ok 0, undefined, 0 row, 0 rows, 0 user, 0 users, 0 account, 0 accounts,
		0 record, 0 records, 0 updated, 0 changed, 0 modified, 0 affected, no rows, no record*, nothing changed, nothing to, nothing was, none updated, none changed,
		none was, none were, not stored, but not, too similar, password reuse, err, error, errors, fail, fails, failed, failing, failure, failures, denied, unauthorized, unauthorised, unauthenticated,
		not authorized, not authorised, not authenticated, forbidden, invalid, incorrect, wrong, not found, could not, couldn t, cannot, can not,
		can t, unable, not allowed, not permitted, not possible, does not exist, doesn t exist, no such, unknown user, unknown account,
		no permission, insufficient, not changed, not been changed, not updated, not been updated, not modified, not been modified, not set,
		not been set, not saved, not applied, not successful, not succeed, not completed, not valid, no change, no changes, unchanged, unsuccessful,
		unsuccessfully, rejected, refused, exception, illegal, unexpected, bad request, internal server, service unavailable, not available,
		unavailable, not implemented, not supported, violat*, mismatch, do not match, does not match, did not match, don t match, aborted,
		cancelled, canceled, timed out, timeout, time out, too short, too long, too weak, too common, too many, rate limit*, missing,
		does not meet, do not meet, not meet, not sufficient, was not, were not, has not, have not, did not, is not a, ignored,
		fehler, fehlgeschlagen*, gescheitert, ungültig*, nicht gefunden, verweigert, nicht berechtigt, keine berechtigung, falsch*, konnte nicht,
		konnten nicht, kann nicht, nicht erlaubt, nicht zulässig, unzulässig*, abgelehnt, unbekannt*, nicht geändert, nicht gesetzt,
		nicht gespeichert, existiert nicht, verboten, fehlt, nicht erfolgreich,
		erreur, erreurs, échec*, échoué*, invalide, refusé*, introuvable, non autorisé*, interdit*, impossible, incorrecte, non trouvé*,
		n existe pas, n a pas, non valide, pas autorisé*, manquant*,
		errores, fallo, falló, fallid*, inválid*, denegad*, no encontrad*, no autorizad*, prohibid*, incorrect*, no se pudo, no se ha podido,
		no existe, no válid*, no permitid*, no es posible,
		errore, errori, fallit*, non valid*, negato, non trovat*, non autorizzat*, impossibile, non è stat*, non riuscit*, non esiste,
		erro, erros, falha, falhou, negad*, não encontrad*, não autorizad*, não foi, não existe, não é,
		fout, mislukt*, ongeldig*, geweigerd, niet gevonden, niet toegestaan, onbevoegd, kan niet, kon niet, onjuist*,
		błąd, błędne*, nieprawidłow*, nie udało, odmowa, nie znaleziono, fel, misslyckad*, ogiltig*, virhe, epäonnistu*, nebyl*, nepodařilo, nelze, nem sikerült, değiştirilemedi, güncellenemedi, fejl, hatalı, hata, başarısız, geçersiz,
		ошибка, ошибки, не удалось, неверн*, запрещен*, отказано, не найден*, недостаточно, chyba, neplatn*`
	// working are phrases of what is yet to be carried out.
	working phrases = `queued, enqueued, scheduled, in progress, being processed, is pending, pending approval, waiting for approval, awaiting approval,
		will be processed, for processing, request submitted, request has been submitted, request accepted, request has been accepted,
		has been started, in the background, under way, still running, will be changed, will be updated, will be reset, will be set, will be applied,
		will take effect, reset link*, reset email*, reset mail*, reset e mail*, reset instruction*, reset token*, reset code*, recovery link*, recovery email*,
		recovery instruction*, check your email, check your e mail, check your inbox, verification code*, verification link*, confirmation link*, confirmation code*,
		in bearbeitung, wird verarbeitet, eingereiht, en cours, en attente, en curso, pendiente, in corso, em andamento`
	// sending are phrases of a message to the user, who is to act next, unless doing is there too.
	sending phrases = `email sent, e mail sent, mail sent, email has been sent, e mail has been sent, mail has been sent, email was sent, instructions, link sent,
		emailed, e mailed, sent to your, sent to the user`
	// doing are phrases of what was done, succeeding of any success.
	doing phrases = `changed, updated, has been set, was set, password set, been reset, was reset, password reset, reset complete, saved, modified, applied, rotated,
		geändert, aktualisiert, gespeichert, gesetzt, zurückgesetzt, modifié*, mis à jour, mise à jour, changé*, réinitialisé*,
		actualizad*, cambiad*, modificad*, restablecid*, aggiornat*, modificat*, cambiat*, reimpostat*,
		alterad*, atualizad*, redefinid*, gewijzigd, bijgewerkt, zmienion*, изменен*, изменён*, обновлен*, обновлён*, ändrats, ändrat,
		uppdaterat*, ændret, endret, opdateret, oppdatert, vaihdettu, päivitetty, změněn*, změna hesla, değiştirildi, güncellendi, változott*`
	// negations are words before one of doing by which it was not done.
	negations  names   = `not no never nicht kein keine nie niet geen ne pas non não nao не ikke inte ei nem không`
	succeeding phrases = `ok, okay, success, successful, successfully, succeeded, done, completed, complete, created, accepted, all good,
		erfolgreich*, succès, éxito, exitosamente, correctamente, successo, sucesso, gelukt, succesvol, pomyślnie, успешно, başarıyla`
	// warning are phrases that may tell of a failure, or of what the user is to do next.
	warning phrases = `maintenance, read only, readonly, skipped, dry run, must, required, expired, locked, try again, sign in, log in, login, logon, please authenticate, disabled, problem, not,
		zu kurz, zu lang, zu schwach, zu einfach, trop court*, trop simple, trop faible, demasiado cort*, demasiado débil, muy cort*, troppo cort*, troppo debole,
		muito curt*, muito fraca, te kort, te zwak, za krótki*, слишком,
		erforderlich, abgelaufen, gesperrt, anmelden, expiré*, caducad*`
)

// The same in scripts that put no blanks between words.
const (
	failingEast    = "失败 失敗 错误 錯誤 无效 無效 不存在 无权限 权限不足 拒绝 拒絕 不能 无法 不正确 未成功 不成功 非法 エラー 無効 できません 見つかりません 拒否 不正 실패 오류 잘못 거부 않았 못했 ませんでした 短すぎ 長すぎ 太短 太弱 没有 未能 重试 không خطأ فشل غير"
	succeedingEast = "成功 完成 完了 変更しました 更新しました 已更新 已修改 성공 완료 변경되었습니다 변경됐습니다"
)

// sentence judges words for people.
func sentence(text string) Saying {
	plain := harmless.without(" " + plainWords(text) + " ")
	switch {
	case anywhere(failingEast, text), failing.in(plain) != "":
		return SaysFailure
	case working.in(plain) != "":
		return SaysUnderWay
	case doing.in(plain) != "":
		if negated(text) {
			return SaysFailure
		}
		return SaysSuccess
	case sending.in(plain) != "":
		return SaysUnderWay
	case succeeding.in(plain) != "":
		return SaysSuccess
	case warning.in(plain) != "":
		return SaysFailure
	case anywhere(succeedingEast, text):
		return SaysSuccess
	}
	return SaysNothing
}

// negated reports whether a part of a text says that something was not done.
func negated(text string) bool {
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(".,;:!?()\n", r) }) {
		part = harmless.without(" " + plainWords(part) + " ")
		before, _, done := strings.Cut(part, doing.in(part))
		if done && slices.ContainsFunc(strings.Fields(before), negations.has) {
			return true
		}
	}
	return false
}

// anywhere reports whether one of the words is in a text without blanks.
func anywhere(words, text string) bool {
	for _, word := range strings.Fields(words) {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// plainWords returns the words of a text in lower case with one blank between them. Names such
// as PasswordRecentlyUsed and PASSWORD_RECENTLY_USED are words, too.
func plainWords(text string) string {
	var words strings.Builder
	last := ' '
	for _, r := range text {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r):
			r = ' '
		case unicode.IsUpper(r) && unicode.IsLower(last):
			words.WriteByte(' ')
		}
		if r != ' ' || last != ' ' {
			words.WriteRune(unicode.ToLower(r))
		}
		last = r
	}
	return strings.TrimSpace(words.String())
}
