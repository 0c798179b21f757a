# Runs pam-rotate-script.exe for a Keeper Gateway on Windows: attach this file to the
# PAM User record as its PAM script.
#
# Known, from documents:
#   - The Gateway pipes one line of base64 text into the .ps1 (Keeper).
#   - It takes "the script returned True" for success, not an exit code (Keeper). An .exe
#     without this wrapper might therefore fail and count as success.
#   - How PowerShell writes text into the pipe of a program depends on its version and on
#     $OutputEncoding (Microsoft). So the pipe is made here, and its bytes too.
#
# Tried by the project's tests, with PowerShell 7 on Linux: every exit code, "BASE64" |
# .\script.ps1; Clear-History, -File, a hosted runspace, long input, much output, byte order
# marks, UTF-16, and programs that die, do not read, are missing or cannot be started. Never
# tried: a Windows Gateway, and Windows PowerShell 5.1, for which this was written from
# documents. Do not rely on it before you have seen a failing rotation of a test account
# reported as failed.
#
# On Windows, whoever ends a process chooses its exit code: taskkill /F makes it 1, others
# make it 0. So an exit code counts only together with the program's own result line. This
# script returns $true if the program ended with 0 and its last line says "changed", and
# nothing else. In any other case it throws: "not changed" only for exit code 1 with a last
# line that says so, "not run" if the program was not started, and else "unknown whether the
# password was changed". No message holds the input, and no cmdlet gets it, since
# PowerShell's module logging records what cmdlets are given.
#
# If this PowerShell itself is ended, the program it started goes on.
#
# Keep this file in plain ASCII: Windows PowerShell 5.1 reads anything else by code page.

# The program, as a full path. Left empty, it is pam-rotate-script.exe beside this file.
$Program = ''

# Flags for the program, such as '--log-level debug'. None is the usual case.
$Flags = ''

$ErrorActionPreference = 'Stop'

# AppLocker and App Control take the calls of .NET away from scripts that no rule allows.
if ([string]$ExecutionContext.SessionState.LanguageMode -ne 'FullLanguage') {
    throw 'pam-rotate-script: not run: this PowerShell is in constrained language mode; let a rule of AppLocker or App Control allow this script'
}

# What the session has made constant shows here, before anything is started.
$code = $last = $outcome = $why = $output = $log = $taken = $null

$lines = @($input)

if ($Program -eq '') {
    if ([string]::IsNullOrEmpty($PSScriptRoot)) {
        throw 'pam-rotate-script: not run: this script does not know its own folder; set $Program at its top to a full path'
    }
    $Program = [System.IO.Path]::Combine($PSScriptRoot, 'pam-rotate-script.exe')
}
if (-not [System.IO.Path]::IsPathRooted($Program)) {
    throw 'pam-rotate-script: not run: $Program at the top of this script is not a full path'
}
if (-not [System.IO.File]::Exists($Program)) {
    throw "pam-rotate-script: not run: there is no program $Program"
}

# Text alone is passed on: PowerShell would make up a text for anything else.
foreach ($line in $lines) {
    if ($line -isnot [string]) {
        throw 'pam-rotate-script: not run: something else than text was piped in'
    }
}
$text = [string]::Join("`n", [string[]]$lines)

# Behind -File, PowerShell decodes standard input by the console's code page: a byte order
# mark comes out as other characters, and UTF-16 with a zero character beside each letter.
# Neither can stand at the start of a payload, which is base64 or JSON.
$wide = $text.IndexOf([char]0) -ge 0
if ($wide) {
    $text = $text.Replace([string][char]0, '')
}
$from = 0
while ($from -lt $text.Length -and ([int]$text[$from] -gt 126 -or [int]$text[$from] -lt 33)) {
    $from++
}
$text = $text.Substring($from)
if ($text -eq '') {
    throw 'pam-rotate-script: not run: nothing was piped in'
}
if ($wide) {
    foreach ($character in $text.ToCharArray()) {
        if ([int]$character -gt 126) {
            throw 'pam-rotate-script: not run: the text piped in is UTF-16, read as something else; pipe in base64, or UTF-8'
        }
    }
}

# UTF-8 without a byte order mark; base64 is ASCII, and so the same bytes. A text that
# UTF-8 cannot express would arrive altered, so it is an error.
$encoding = [System.Text.UTF8Encoding]::new($false, $true)
$bytes = $null
try {
    $bytes = $encoding.GetBytes($text + "`n")
} catch {
    throw 'pam-rotate-script: not run: the text piped in cannot be written as UTF-8'
}

$start = [System.Diagnostics.ProcessStartInfo]::new()
$start.FileName = $Program
$start.Arguments = $Flags
$start.UseShellExecute = $false
$start.CreateNoWindow = $true
$start.RedirectStandardInput = $true
$start.RedirectStandardOutput = $true
$start.RedirectStandardError = $true
$start.StandardOutputEncoding = [System.Text.Encoding]::UTF8
$start.StandardErrorEncoding = [System.Text.Encoding]::UTF8

$process = [System.Diagnostics.Process]::new()
$process.StartInfo = $start
$code = $null
$taken = $false
$output = ''
$log = ''
try {
    # What .NET throws here depends on its version and language. The number is the system's.
    $number = ''
    try {
        $started = $process.Start()
    } catch {
        $started = $false
        $cause = $_.Exception
        while ($null -ne $cause -and $cause -isnot [System.ComponentModel.Win32Exception]) {
            $cause = $cause.InnerException
        }
        if ($null -ne $cause) {
            $number = " (error $($cause.NativeErrorCode) of the system)"
        }
    }
    if (-not $started) {
        throw "pam-rotate-script: not run: the program $Program could not be started${number}; see that the Gateway's user may read and run it, and that it is for this system"
    }

    try {
        # Both streams are read while the input is written, so that no full pipe can hold up
        # either side.
        $outputRead = $process.StandardOutput.ReadToEndAsync()
        $logRead = $process.StandardError.ReadToEndAsync()

        # The bytes go past the writer of .NET, which has an encoding of its own. Where the
        # console's input encoding has a byte order mark, .NET Framework has put that into the
        # pipe already; the program copes with it.
        try {
            $process.StandardInput.BaseStream.Write($bytes, 0, $bytes.Length)
            $process.StandardInput.BaseStream.Flush()
            $taken = $true
        } catch {
            # A program that ends before it reads, as on a wrong flag, says more by its output.
            $taken = $false
        }
        try {
            $process.StandardInput.Close()
        } catch {
            $taken = $false
        }

        $process.WaitForExit()
        $output = $outputRead.GetAwaiter().GetResult()
        $log = $logRead.GetAwaiter().GetResult()
        $code = $process.ExitCode
    } catch {
        throw 'pam-rotate-script: unknown whether the password was changed: the program was started, and its end could not be seen'
    }
} finally {
    $process.Dispose()
}

# Neither goes to the pipeline, where only $true is to be seen.
foreach ($line in $log.Split("`n")) {
    $line = $line.TrimEnd()
    if ($line -ne '') {
        [Console]::Error.WriteLine($line)
    }
}
$last = ''
foreach ($line in $output.Split("`n")) {
    $line = $line.TrimEnd()
    if ($line -ne '') {
        $last = $line
        $null = Microsoft.PowerShell.Utility\Write-Host $line
    }
}

# What the program itself says, with --json by the member outcome, which it writes first. No cmdlet
# reads it, since a module or function of the session may stand in for one. It is compared ordinally:
# by -ceq, a character that a culture ignores would make another word the same.
$outcome = ''
foreach ($word in 'changed', 'not-changed', 'unknown') {
    $begin = '{"outcome":"' + $word + '"'
    if ([string]::CompareOrdinal($last, 0, "${word}: ", 0, $word.Length + 2) -eq 0) {
        $outcome = $word
    } elseif ([string]::CompareOrdinal($last, 0, $begin, 0, $begin.Length) -eq 0 -and $last[-1] -eq '}' -and ',}'.IndexOf($last[$begin.Length]) -ge 0 -and
        $last.IndexOf('"outcome"', 2, [System.StringComparison]::OrdinalIgnoreCase) -lt 0) {
        $outcome = $word
    }
}

if ($code -is [int] -and $code -eq 0 -and [string]::CompareOrdinal($outcome, 'changed') -eq 0 -and $taken) {
    return $true
}
if ($code -is [int] -and $code -eq 1 -and [string]::CompareOrdinal($outcome, 'not-changed') -eq 0) {
    throw 'pam-rotate-script: not changed: exit code 1'
}
$why = "exit code $code"
if ($code -eq 3 -and $outcome -ceq 'unknown') {
    $why = 'exit code 3'
} elseif ($code -eq 64) {
    $why = 'exit code 64, as for a wrong command line: see $Flags at the top of this script, and the log'
} elseif (-not $taken) {
    $why = "exit code $code, and the program did not take its whole input"
} elseif ($code -eq 0 -or $code -eq 1) {
    $why = "exit code $code without a result line that says so: the program was ended by somebody else, or its flags let it do something else than rotate"
}
throw "pam-rotate-script: unknown whether the password was changed: $why"
